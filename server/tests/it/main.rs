//! The server from outside its crate: its own store on a real disk, its own router on a real port.
#![allow(clippy::unwrap_used)]

mod central;
mod desks;
