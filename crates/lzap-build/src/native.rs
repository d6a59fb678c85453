//! "A processor like this machine's": in the user's flags for rustc or the C compiler, it would end in an illegal
//! instruction on Lambda's. The architecture's baseline takes its place, with a warning. A processor by name is
//! the user's own choice and stays.

use std::path::Path;

use cargo_config2::Config;
use lzap_core::platform::Architecture;

/// rustc's flag, without the `-C` before it.
const RUST: &str = "target-cpu=native";
/// The C compiler's flags. `-mtune=native` isn't one of them: it changes how code is scheduled, not which
/// instructions it uses.
const C: [&str; 2] = ["-march=native", "-mcpu=native"];
/// Variables that begin so hold flags for the C compiler, some for one target. The `cc` crate reads them.
/// Those for build scripts (`HOST_CFLAGS`) aren't listed, because build scripts run on this machine.
const C_VARIABLES: [&str; 4] = ["CFLAGS", "CXXFLAGS", "TARGET_CFLAGS", "TARGET_CXXFLAGS"];

/// Returns the flags for rustc that the user's environment and cargo's configuration give for `triple`; none
/// where the configuration can't be resolved.
pub(crate) fn read_rustflags(config: &Config, triple: &str) -> Vec<String> {
    config.rustflags(triple).ok().flatten().unwrap_or_default().flags
}

/// The same flags, for the architecture's baseline.
pub(crate) fn replace_native_cpu(flags: &[String], triple: &str) -> Vec<String> {
    let baseline = if triple.starts_with("x86_64") { "target-cpu=x86-64" } else { "target-cpu=generic" };
    // A flag can be `-Ctarget-cpu=native` in one word or two, so a part of it is replaced.
    flags.iter().map(|flag| flag.replace(RUST, baseline)).collect()
}

/// The user's variables for the C compiler that name this machine's processor, without that. What is left means the
/// baseline.
pub(crate) fn c_variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_for_c(name))
        .filter_map(|(name, value)| Some((name, remove_native_flags(&value)?)))
        .collect()
}

/// Returns whether the variable `name` holds flags for the C compiler, for all targets or for one.
fn is_for_c(name: &str) -> bool {
    let rest = C_VARIABLES.iter().find_map(|variable| name.strip_prefix(variable));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Returns the flags without those of [`C`]; `None` if they have none of them.
fn remove_native_flags(flags: &str) -> Option<String> {
    let (native, others): (Vec<&str>, Vec<&str>) =
        flags.split_whitespace().partition(|flag| C.contains(flag));
    (!native.is_empty()).then(|| others.join(" "))
}

/// Returns a sentence about the user's flags that are overruled here; `None` if there are none. Where rustc's
/// and the C compiler's are both overruled, it names rustc's.
pub(crate) fn describe_overruled_flags(
    dir: &Path,
    triple: &str,
    architecture: Architecture,
) -> Option<String> {
    // An unreadable configuration is cargo's to report.
    let flags = Config::load_with_cwd(dir).map(|config| read_rustflags(&config, triple)).unwrap_or_default();
    let rust =
        flags.iter().any(|flag| flag.contains(RUST)).then(|| format!("the flags for rustc say `{RUST}`"));
    let c =
        c_variables().into_iter().next().map(|(name, _)| format!("{name} names this machine's processor"));
    let what = rust.or(c)?;
    Some(format!(
        "{what}: overruled by the baseline of {architecture}, since Lambda's processors differ; one by name would stay"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_processor_becomes_the_baseline_and_others_stay() {
        let flags = |flag: &str| vec!["-C".to_owned(), flag.to_owned()];
        for (triple, flag, becomes) in [
            ("x86_64-unknown-linux-musl", "target-cpu=native", "target-cpu=x86-64"),
            ("aarch64-unknown-linux-gnu", "target-cpu=native", "target-cpu=generic"),
            ("aarch64-unknown-linux-gnu", "target-cpu=neoverse-n1", "target-cpu=neoverse-n1"),
        ] {
            assert_eq!(replace_native_cpu(&flags(flag), triple), flags(becomes));
        }
    }

    #[test]
    fn flags_for_c_lose_it_too() {
        assert_eq!(remove_native_flags("-O3 -march=native -Wall").as_deref(), Some("-O3 -Wall"));
        assert_eq!(remove_native_flags("-O3 -march=armv8-a -mtune=native"), None);
        for (name, is) in [
            ("CFLAGS", true),
            ("CFLAGS_aarch64_unknown_linux_gnu", true),
            ("TARGET_CXXFLAGS", true),
            ("CFLAGSX", false),
            ("HOST_CFLAGS", false),
        ] {
            assert_eq!(is_for_c(name), is, "{name}");
        }
    }
}
