//! From configured places to what the analysis weighs.

use std::collections::BTreeMap;

use nbhoist_analyzer::placement::policy::ComesHome;
use nbhoist_analyzer::placement::{Options, Place, Preferences, Sees, Work};
use nbhoist_executor::executors::Known;

use crate::{Backend, Executor, Settings};

/// What each move of a block adds on either side, seconds: asking the kernel, comparing versions, verifying.
const OVERHEAD: f64 = 0.1;

/// Round trip of a place that is not this machine, seconds, where nothing else is said.
const LATENCY: f64 = 0.02;

/// Bytes a second between two processes of this machine, where packing is what takes time.
const PIPE: f64 = 2e9;

impl Settings {
    /// When the results of a cell come home that moved by itself while a person decides what runs next.
    pub const fn comes_home(&self) -> ComesHome {
        if self.stay { ComesHome::WhenNeeded } else { ComesHome::AtOnce }
    }

    /// What the analysis is told about places: all for `auto` that may be faster, none for `here`, else the one with this name.
    ///
    /// A place that is named may cost what it costs. `known` is what probes found, by name; what configuration says counts more.
    pub fn placement(&self, on: &str, known: &BTreeMap<String, Known>) -> Options {
        // Another process of this machine is no faster, unless somebody says so.
        let auto = |place: &Executor| on == "auto" && (place.backend != Backend::Local || place.speed.is_some());
        let meant = self.executors.values().filter(|place| auto(place) || place.name == on);
        let mut places: Vec<Place> = meant.map(|place| place.place(known.get(&place.name).copied().unwrap_or_default())).collect();
        if on != "auto" {
            places.iter_mut().for_each(|place| place.price = None);
        }
        let preferences = Preferences { risk: self.risk, waiting: self.price_of_waiting.clone(), ..Preferences::default() };
        Options { places, preferences, ..Options::default() }
    }
}

impl Executor {
    /// The place, as far as configuration and a probe know it.
    pub fn place(&self, known: Known) -> Place {
        let is_local = self.backend == Backend::Local;
        let rate = self.bandwidth.or(is_local.then_some(PIPE)).or(known.bandwidth);
        // How long a worker took to answer on each engine, on loopback.
        let start_up = match self.backend {
            Backend::Local => 0.2,
            Backend::Ssh | Backend::Command => 0.7,
            Backend::Slurm | Backend::Plugin(_) => 2.0,
            Backend::Jupyter => 3.5,
        };
        let speeds = [(Work::Cpu, self.speed.or(is_local.then_some(1.0)).or(known.speed)), (Work::Gpu, self.gpu_speed.or(self.speed))];
        let folders = self.paths.keys().cloned().collect();
        Place {
            speed: speeds.into_iter().filter_map(|(work, speed)| Some((work, speed?))).collect(),
            memory: self.memory.or(known.memory),
            up: rate,
            down: rate,
            latency: self.latency.or(known.latency).unwrap_or(if is_local { 0.0 } else { LATENCY }),
            start_up: self.startup.or(known.start).unwrap_or(start_up),
            overhead: OVERHEAD,
            price: self.price.clone(),
            caches: self.cache.unwrap_or(!is_local),
            sees: if is_local { Sees::Everything } else { Sees::Folders(folders) },
            ..Place::new(&self.name)
        }
    }
}
