//! What the end-to-end tests and the demo are made of: people who do not exist, a reader module on a real pseudo-terminal,
//! a network camera with drawn pictures, a cable that can be cut, and the real programs.

pub mod bureau;
pub mod card;
pub mod demo;
pub mod forge;
pub mod net;
pub mod office;
pub mod pty;
pub mod reader;
pub mod site;
pub mod story;
pub mod video;
pub mod world;
