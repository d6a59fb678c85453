//! Region and profile: which of flag, key and environment variable wins; and what a command that only has to find a stage
//! accepts.

use lzap_core::config::{ConfigError, parse};
use lzap_core::settings::{Origin, Overrides, PlaceOverrides, Settings, resolve, resolve_deployed};

fn overrides(place: PlaceOverrides) -> Overrides {
    Overrides { package: "shop".to_owned(), stage: Some("dev".to_owned()), place, ..Overrides::default() }
}

fn resolve_text(text: &str, place: PlaceOverrides) -> Result<Settings, ConfigError> {
    resolve(&parse(text)?, &overrides(place))
}

fn owned(word: Option<&str>) -> Option<String> {
    word.map(str::to_owned)
}

/// Every combination of flag, key and variable, by one rule: the first of `order` that is set.
#[test]
fn region_is_flag_then_key_then_variable() {
    for bits in 0..8_u8 {
        let flag = (bits & 1 != 0).then_some("eu-flag-1");
        let key = (bits & 2 != 0).then_some("eu-key-1");
        let variable = (bits & 4 != 0).then_some("eu-variable-1");
        let text = key.map_or("[stage.dev]\n".to_owned(), |key| format!("[stage.dev]\nregion = \"{key}\"\n"));
        let place = PlaceOverrides {
            region_flag: owned(flag),
            region_variable: owned(variable),
            ..PlaceOverrides::default()
        };
        let settings = resolve_text(&text, place).expect("valid");
        assert_eq!(settings.region.as_deref(), flag.or(key).or(variable), "{bits:03b}");
        let origin = match (flag, key, variable) {
            (Some(_), ..) => Origin::Flag("--region"),
            (None, Some(_), _) => Origin::File("[stage.dev]".to_owned()),
            (None, None, Some(_)) => Origin::Environment("AWS_REGION"),
            (None, None, None) => Origin::Default,
        };
        assert_eq!(settings.origin("region"), Some(&origin), "{bits:03b}");
        // Said once, and only where a variable that differs loses against the key.
        let is_told = flag.is_none() && key.is_some() && variable.is_some();
        assert_eq!(settings.warnings.len(), usize::from(is_told), "{bits:03b} {:?}", settings.warnings);
    }
}

#[test]
fn profile_is_flag_then_variable_then_key() {
    for bits in 0..16_u8 {
        let flag = (bits & 1 != 0).then_some("flag");
        let key = (bits & 2 != 0).then_some("key");
        let variable = (bits & 4 != 0).then_some("variable");
        let has_credentials = bits & 8 != 0;
        let text =
            key.map_or("[stage.dev]\n".to_owned(), |key| format!("[stage.dev]\nprofile = \"{key}\"\n"));
        let place = PlaceOverrides {
            profile_flag: owned(flag),
            profile_variable: owned(variable),
            has_credentials,
            ..PlaceOverrides::default()
        };
        let settings = resolve_text(&text, place).expect("valid");
        assert_eq!(settings.profile.as_deref(), flag.or(variable).or(key), "{bits:04b}");
        let origin = match (flag, variable, key) {
            (Some(_), ..) => Origin::Flag("--profile"),
            (None, Some(_), _) => Origin::Environment("AWS_PROFILE"),
            (None, None, Some(_)) => Origin::File("[stage.dev]".to_owned()),
            (None, None, None) => Origin::Default,
        };
        assert_eq!(settings.origin("profile"), Some(&origin), "{bits:04b}");
        // The AWS SDK takes credentials of the environment first, which a typed profile may hide.
        assert_eq!(settings.warnings.len(), usize::from(flag.is_some() && has_credentials), "{bits:04b}");
    }
}

#[test]
fn equal_variable_is_not_told() {
    let place = PlaceOverrides { region_variable: owned(Some("eu-central-1")), ..PlaceOverrides::default() };
    let settings = resolve_text("[stage.dev]\nregion = \"eu-central-1\"\n", place).expect("valid");
    assert_eq!(settings.warnings, []);
}

#[test]
fn region_flag_that_is_no_region_is_refused() {
    let place = PlaceOverrides { region_flag: owned(Some("Frankfurt am Main")), ..PlaceOverrides::default() };
    let error = resolve_text("[stage.dev]\n", place).expect_err("no region");
    assert_eq!(error.message, "--region = \"Frankfurt am Main\" is not the name of a region");
    assert_eq!(error.span, None);
}

#[test]
fn flags_have_no_effect_on_local_and_say_so() {
    let place = PlaceOverrides {
        region_flag: owned(Some("eu-central-1")),
        profile_flag: owned(Some("work")),
        region_variable: owned(Some("us-east-1")),
        ..PlaceOverrides::default()
    };
    let local = Overrides { stage: owned(Some("local")), ..overrides(place) };
    let settings = resolve(&parse("[stage.dev]\n").expect("TOML"), &local).expect("valid");
    assert_eq!((settings.region, settings.profile, settings.warnings.len()), (None, None, 2));
}

#[test]
fn deployed_stage_is_found_while_other_keys_are_wrong() {
    let text = "[stage.dev]\nregion = \"eu-central-1\"\nmemory_mb = 5\nmemmory = 1\nrole_path = \"team\"\n\
                [stage.dev.workers]\nmemory_mb = \"big\"\n";
    let config = parse(text).expect("TOML");
    let overrides = overrides(PlaceOverrides::default());
    // Mistakes in the shape of the file come before values beyond a limit.
    assert_eq!(
        resolve(&config, &overrides).map_err(|error| error.message),
        Err("unknown key `memmory`".to_owned())
    );
    let settings = resolve_deployed(&config, &overrides).expect("found");
    assert_eq!((settings.region.as_deref(), settings.memory_mb), (Some("eu-central-1"), 512));
    assert!(settings.workers.is_some(), "a worker function may exist");
    let problems: Vec<&str> = settings.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        problems,
        [
            "memory_mb = 5 is out of range",
            "unknown key `memmory`",
            "role_path = \"team\" is not an IAM path",
            "expected a whole number, found a string",
        ]
    );
}

#[test]
fn key_that_finds_the_stage_must_be_right() {
    for line in ["region = 5", "profile = true", "extends = \"gone\"", "extends = 5"] {
        let config = parse(&format!("[stage.dev]\n{line}\n")).expect("TOML");
        assert!(resolve_deployed(&config, &overrides(PlaceOverrides::default())).is_err(), "{line}");
    }
    let config = parse("app = 5\n[stage.dev]\n").expect("TOML");
    assert!(resolve_deployed(&config, &overrides(PlaceOverrides::default())).is_err());
}

#[test]
fn stage_without_table_is_found_with_a_region_flag_only() {
    let config = parse("[stage.production]\nmemory_mb = 5\n").expect("TOML");
    let error = resolve_deployed(&config, &overrides(PlaceOverrides::default())).expect_err("no region");
    assert_eq!(error.message, "there is no stage `dev`");
    let place = PlaceOverrides { region_flag: owned(Some("eu-central-1")), ..PlaceOverrides::default() };
    let settings = resolve_deployed(&config, &overrides(place.clone())).expect("found");
    assert_eq!((settings.stage.as_str(), settings.region.as_deref()), ("dev", Some("eu-central-1")));
    assert_eq!(settings.problems.len(), 1, "{:?}", settings.problems);
    assert!(resolve(&config, &overrides(place)).is_err(), "a deploy needs the table");
}
