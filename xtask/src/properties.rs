//! Checks the properties in the simulated page, for any number of seeds.

use anyhow::Result;
use xshell::Shell;

use crate::test;
use crate::toolchain::host_cargo;

#[derive(clap::Args)]
pub struct Options {
    /// The number of seeds for each property.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Checks only properties whose names contain this.
    name: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seeds: 20_000, seed: 0, name: None }
    }
}

pub fn run(shell: &Shell, options: &Options) -> Result<()> {
    let Options { seeds, seed, name } = options;
    // This keeps the overflow checks, and shares its dependencies with the other tests on the host.
    let optimise = ["--quiet", "--config=profile.dev.package.wasm-websocket.opt-level=2"];
    Ok(host_cargo(shell)
        .args(test::HOST)
        .args(optimise)
        .args(["--test=properties", "--", "--nocapture"])
        .args(name)
        .env("PROPERTIES_SEEDS", seeds.to_string())
        .env("PROPERTIES_SEED", seed.to_string())
        .run()?)
}
