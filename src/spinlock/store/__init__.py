"""Files: the only code that knows a path inside one.

atomic              a file is there whole or not at all
outputs             what may be written where, and by one run at a time
json_file           strict JSON, sizes capped
guard               files of others are opened in a child process with limits; guard_child is that process, guard_wire what they say
guarded_hdf5        HDF5 from strangers: hard links only, nothing external; hdf5_checks: sizes and types before reading; guarded_array: a part at a time
guarded_zarr, guarded_scipy, formats        chunks of Zarr, netCDF-3 and MATLAB 5, Parquet, read in the child
hdf5_image          HDF5 as bytes in memory, or through a file that never fails: it does not survive a failing disk
checksums           of values and of attributes, whatever their storage
dataset_layout      names, types and shapes in a data-set file; `DatasetBlock`, `DatasetDescription`
shards, merge       blocks of samples as files that survive a kill; the data set they become
dataset             `open_dataset`: a lazy, checked reader; dataset_check: what is wrong with a file
category_file, token_file (token_rows; token_hdf5, _csv, _parquet), report_file, tokenizer_folder, checkpoint_folder
"""
