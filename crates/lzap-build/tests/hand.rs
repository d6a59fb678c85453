//! hand
use lzap_build::compile::*;
use lzap_build::project::*;
use lzap_build::*;
use lzap_core::platform::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(done) = zig_wrapper(&args) { done.expect("zig"); return; }
    let rt = tokio::runtime::Runtime::new().expect("rt");
    if args[1] == "create" { println!("{:?}", scaffold::create(&args[2], args[3].as_ref(), &args[4]).map_err(|e| e.to_string())); return; }
    let project = find(&Selection { dir: args[1].as_ref(), package: None, bin: None, features: &[] }).map_err(|e| format!("{e} {:?}", std::error::Error::source(&e).map(|e| e.to_string()))).expect("find");
    println!("{project:#?}");
    if project.lzap.is_none() { println!("{}", lines_to_add(&project)); }
    let architecture = if args[2] == "arm64" { Architecture::Arm64 } else { Architecture::X86_64 };
    let linker = match args.get(3).map(String::as_str) { Some("zig") => Linker::Zig, Some("native") => Linker::Native, Some("rust-lld") => Linker::RustLld, _ => Linker::Auto };
    let t = std::time::Instant::now();
    let binary = rt.block_on(compile(&project, &CompileOptions { architecture, linker, color: false }, &mut |e| println!("{:.1} {e:?}", t.elapsed().as_secs_f32())));
    let binary = match binary { Ok(b) => b, Err(e) => { println!("{e}\n{:?}", miette::Diagnostic::help(&e).map(|h| h.to_string())); return; } };
    println!("{binary:?}");
    let report = elf::inspect(&binary.path).expect("elf");
    println!("{report:?} {:?}", elf::check(&report, architecture));
    let t = std::time::Instant::now();
    println!("{:?} {:?}", archive::archive(&binary.path, &project.root, &[], architecture, &project.target_dir.join("lzap/x.zip")), t.elapsed());
}
