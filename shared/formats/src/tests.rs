mod bodies;
mod files;
mod hostile;
mod names;
mod parquet_files;
mod times;
