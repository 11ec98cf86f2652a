"""The three phases, plan -> generate -> assemble, each resumable, each leaving files a person can open.

layout.py          where everything lies under OUT
running.py         how a Beam pipeline is run
sources.py         read what is there, once
masks.py           Beam: segmentations -> masks, part by part
plan.py            Beam: joined images -> samples and requests, slot range by slot range
generate.py        requests -> reply store
assemble.py        Beam: samples, requests and replies -> shards and rejects
finish.py          rejects, manifest, validation, report
"""
