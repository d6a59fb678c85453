//! TLS on other CPUs, under QEMU: the provider is chosen as in Lambda, and a whole connection works.
//!
//! The test program is this crate's example `handshake`, linked as `lzap build` links: static, for musl, by rust-lld.

#[path = "certificates/mod.rs"]
mod certificates;

use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use lzap_testkit::target;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::certificates::{Chain, HOST};

const X86_64: &str = "x86_64-unknown-linux-musl";
const AARCH64: &str = "aarch64-unknown-linux-musl";

/// One CPU of QEMU's, and the provider that a process on it must choose.
struct Cpu {
    triple: &'static str,
    /// QEMU's programs that emulate it: Debian has the static one, other systems the other.
    emulators: [&'static str; 2],
    model: &'static str,
    provider: &'static str,
}

const fn x86_64(model: &'static str, provider: &'static str) -> Cpu {
    Cpu { triple: X86_64, emulators: ["qemu-x86_64-static", "qemu-x86_64"], model, provider }
}

const fn aarch64(model: &'static str, provider: &'static str) -> Cpu {
    Cpu { triple: AARCH64, emulators: ["qemu-aarch64-static", "qemu-aarch64"], model, provider }
}

/// Lambda's guests have long called themselves Haswell, which has AVX2 and AES but not ADX.
const HASWELL: Cpu = x86_64("Haswell", "rustcrypto");
/// Not a CPU of Lambda's: without AES and AVX all cryptography is portable code.
const WITHOUT_AES: Cpu = x86_64("qemu64,-aes,-avx,-pclmulqdq,-ssse3", "rustcrypto");
const WITH_ADX: Cpu = x86_64("Haswell,+adx", "graviola");
/// Graviton2.
const NEOVERSE_N1: Cpu = aarch64("neoverse-n1", "graviola");

impl Cpu {
    /// Runs the test program on this CPU and returns what it printed.
    fn run(&self, arguments: &[&str]) -> String {
        let program = build(self.triple);
        let output = Command::new(self.find_emulator())
            .args(["-cpu", self.model])
            .arg(program)
            .args(arguments)
            .output()
            .expect("QEMU was found");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{text}{errors}", self.model, output.status);
        text
    }

    fn find_emulator(&self) -> PathBuf {
        let path = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = env::split_paths(&path).collect();
        let mut places =
            self.emulators.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        places.find(|file| file.is_file()).unwrap_or_else(|| {
            panic!(
                "QEMU's user mode ({}) is missing: `cargo xtask setup` installs it",
                self.emulators.join(" or ")
            )
        })
    }
}

/// Builds the example for `triple` and returns the program. Cargo's own lock makes the tests wait for each other.
fn build(triple: &str) -> PathBuf {
    let folder = target().join("qemu");
    let linker = format!("CARGO_TARGET_{}_LINKER", triple.replace('-', "_").to_uppercase());
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--offline", "--package", "lzap-tls", "--example", "handshake"])
        .args(["--target", triple, "--target-dir"])
        .arg(&folder)
        .current_dir(lzap_testkit::workspace())
        .env(linker, "rust-lld")
        .env("RUSTFLAGS", "-C link-self-contained=yes")
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo cannot build for {triple} (`rustup target add {triple}` adds the target):\n{errors}"
    );
    folder.join(triple).join("debug/examples/handshake")
}

/// An echo server on a free port of this machine. It ends with the test's process.
fn serve(chain: &Chain, version: &'static SupportedProtocolVersion) -> SocketAddr {
    let config = Arc::new(chain.server(aws_lc_rs::default_provider(), &[version]));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || echo(config, connection));
        }
    });
    address
}

/// Echoes until the client closes; the client's own checks say what is wrong.
fn echo(config: Arc<ServerConfig>, connection: TcpStream) -> Option<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, connection);
    let mut bytes = [0; 16_384];
    loop {
        let len = stream.read(&mut bytes).ok().filter(|len| *len > 0)?;
        stream.write_all(&bytes[..len]).ok()?;
    }
}

/// Two connections each to servers on this machine: RSA and ECDSA, TLS 1.3 and 1.2; the second resumes the first.
fn assert_connects(cpu: &Cpu) {
    for (name, version) in [("rsa2048", &TLS13), ("rsa2048", &TLS12), ("p384", &TLS13)] {
        let chain = Chain::named(name);
        let address = serve(&chain, version).to_string();
        let root = chain.root_file();
        let text = cpu.run(&[&address, HOST, root.to_str().expect("UTF-8"), "300000"]);
        let lines: Vec<&str> = text.lines().collect();
        let [first, second] = lines[..] else { panic!("two connections: {text}") };
        let version = format!("{:?}", version.version);
        for line in [first, second] {
            let expected = [version.as_str(), "300000 bytes", cpu.provider];
            assert!(expected.iter().all(|part| line.contains(part)), "{name}, {}: {line}", cpu.model);
        }
        assert!(second.contains("Resumed"), "{name}, {}: {second}", cpu.model);
    }
}

/// The check in memory succeeds, with the provider that the CPU asks for and with the portable one.
fn assert_chooses(cpu: &Cpu) {
    let expected = format!("chosen: {}\nportable: works\n", cpu.provider);
    assert_eq!(cpu.run(&[]), expected, "{}", cpu.model);
}

#[test]
fn choose_provider_on_haswell_is_rustcrypto() {
    assert_chooses(&HASWELL);
}

#[test]
fn choose_provider_with_adx_is_graviola() {
    assert_chooses(&WITH_ADX);
}

#[test]
fn choose_provider_without_aes_is_rustcrypto() {
    assert_chooses(&WITHOUT_AES);
}

#[test]
fn choose_provider_on_graviton2_is_graviola() {
    assert_chooses(&NEOVERSE_N1);
}

#[test]
fn connect_on_haswell_echoes_and_resumes() {
    assert_connects(&HASWELL);
}

#[test]
fn connect_on_graviton2_echoes_and_resumes() {
    assert_connects(&NEOVERSE_N1);
}
