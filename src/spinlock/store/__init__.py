"""Files: the only code that knows a path inside one.

atomic              a file is there whole or not at all
json_file           strict JSON, sizes capped
guarded_hdf5        HDF5 from strangers: hard links only, nothing external, sizes checked before reading
hdf5_image          HDF5 as bytes in memory, so that HDF5 never writes to a disk that may be full
dataset_layout      names, types and shapes in a data-set file; `DatasetBlock`, `DatasetDescription`
shards, merge       blocks of samples as files that survive a kill; the data set they become
dataset             `open_dataset`: a lazy, checked reader; dataset_check: what is wrong with a file
category_file, token_file, tokenizer_folder, checkpoint_folder
"""
