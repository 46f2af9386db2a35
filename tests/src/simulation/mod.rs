//! Sessions of people with notebooks, replayed under every policy. All of it is made from fixed seeds.

pub mod notebooks;

pub mod scoring;
pub mod sessions;
pub mod world;
