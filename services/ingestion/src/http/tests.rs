mod accepting;
mod client;
mod refusing;
mod surviving;
