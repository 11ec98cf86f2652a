"""Our shards to and from the files of others.

names.py             `<region1>` in texts: found and renamed
osprey_json.py       the five released files of Osprey-724K: names, records, what their loaders do with them
osprey_import.py     a record of these files -> a row
osprey_export.py     a row -> a record that Osprey's loaders read
captions_export.py   rows of regions and phrases -> the COCO-style file of Osprey's Visual Genome loader
llava_export.py      a row -> a record of LLaVA-style trainers
export.py            all shards of a build -> a folder of such files

Shards -> Osprey's files -> shards keeps messages, masks, sizes, pictures' paths, kinds and sample ids; categories and
region ids too, in fields that Osprey passes over. It does not keep `category_raw`, `part_of`, sources, licence and
generator: the files have no place for them. Line breaks of descriptions become blanks, since Osprey reads one line.
Osprey's files -> shards -> Osprey's files keeps texts, masks and names of pictures, in another order, with ids of ours,
masks as compressed RLE, and without the regions that no text names.
"""
