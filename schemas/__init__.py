"""The vocabulary that everything else speaks: records, Parquet columns, errors, masks and keys.

Nothing here knows Beam, torch or a data set.
"""
