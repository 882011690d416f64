mod bodies;
mod files;
mod hostile;
mod names;
#[cfg(feature = "parquet")]
mod parquet_files;
mod times;
mod written;
