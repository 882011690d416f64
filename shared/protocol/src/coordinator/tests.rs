mod epochs;
mod network;
mod rig;
mod simulation;
mod steady;
mod trouble;
