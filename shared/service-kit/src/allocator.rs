//! Where the memory of every program that links this crate comes from.
//!
//! A row on its way crosses several threads, and memory of one thread is given back by another one: what the system's
//! allocator is slow at. Not under a fuzzer, whose sanitizer has to see every allocation.

#[cfg(not(feature = "fuzzing"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
