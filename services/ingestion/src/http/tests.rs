mod accepting;
pub(crate) mod client;
mod refusing;
mod surviving;
