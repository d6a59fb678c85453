//! Which provider a process gets.

use std::env;
use std::process::Command;
use std::sync::Arc;

use crate::pair::providers;

/// Set for the process that `child_prints_the_chosen_provider` runs in.
const CHILD: &str = "LZAP_TLS_TEST_CHILD";

/// The check of the deployment: each provider alone, then the one that this process gets.
#[test]
fn check_handshake_each_provider_succeeds() {
    for (name, provider) in providers() {
        lzap_tls::check_handshake_with(&provider).expect(name);
    }
    assert_eq!(lzap_tls::check_handshake().expect("on every CPU"), lzap_tls::provider_name());
}

#[test]
fn provider_on_this_cpu_is_graviola_if_it_can_run() {
    let expected = if lzap_tls::graviola_provider().is_some() { "graviola" } else { "rustcrypto" };
    assert_eq!(lzap_tls::provider_name(), expected);
    assert!(Arc::ptr_eq(&lzap_tls::provider(), &lzap_tls::provider()), "chosen once");
}

/// graviola's own switch, in debug builds: the feature counts as missing, and graviola asserts it at each call.
#[test]
#[cfg_attr(not(debug_assertions), ignore = "graviola reads the variable in debug builds only")]
fn provider_without_a_feature_is_rustcrypto() {
    let features: &[&str] = if cfg!(target_arch = "x86_64") {
        &["adx", "aes", "avx2", "bmi1", "pclmulqdq"]
    } else {
        &["aes", "neon", "pmull", "sha2"]
    };
    for feature in features {
        let output = Command::new(env::current_exe().expect("this test"))
            .args(["--exact", "choice::child_prints_the_chosen_provider", "--nocapture"])
            .env(CHILD, "1")
            .env(format!("GRAVIOLA_CPU_DISABLE_{feature}"), "1")
            .output()
            .expect("this test runs again");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{feature}: {text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("chosen: rustcrypto"), "{feature}: {text}");
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn child_prints_the_chosen_provider() {
    if env::var_os(CHILD).is_some() {
        println!("chosen: {}", lzap_tls::check_handshake().expect("on every CPU"));
    }
}
