//! Sessions of people with notebooks, replayed under every policy. All of it is made from fixed seeds.

pub mod crowd;
pub mod notebooks;
pub mod report;
pub mod scoring;
pub mod sessions;
pub mod world;
