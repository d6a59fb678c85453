//! The memory of a worker in resident bytes; where QEMU emulates the function, those of the function alone.
//!
//! An emulator keeps its program, its heap and the translated code in the same process. Lambda has none of them, so
//! they count neither for the limit nor in the report; a few megabytes of them can't be told from the function's.

use fs_err as fs;

/// The most resident bytes that a process and its descendants are known to have had: what they have now, or the
/// kernel's own high-water mark of the process, which a peak between two measurements raises too.
pub(crate) fn measure_peak(pid: i32) -> u64 {
    let mark = if find_emulator(pid).is_some() { 0 } else { read_status(pid, "VmHWM:") };
    sum_resident(pid).max(mark)
}

/// Resident bytes of a process and its descendants. A process that ends during the walk counts nothing.
fn sum_resident(pid: i32) -> u64 {
    sum_descendants(pid, 0)
}

/// A size in bytes from `/proc/PID/status`; 0 where there is none.
fn read_status(pid: i32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix(field)).map_or(0, read_bytes)
}

fn sum_descendants(pid: i32, depth: u32) -> u64 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children: u64 = children
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .filter(|_| depth < 8)
        .map(|child| sum_descendants(child, depth + 1))
        .sum();
    measure_process(pid) + children
}

fn measure_process(pid: i32) -> u64 {
    match find_emulator(pid) {
        Some(emulator) => {
            sum_guest_memory(&fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap_or_default(), &emulator)
        }
        None => read_status(pid, "VmRSS:"),
    }
}

/// The program of the process, when it is a QEMU; the kernel may have put it there (`binfmt_misc`).
fn find_emulator(pid: i32) -> Option<String> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let is_emulator = program.file_name()?.to_str()?.starts_with("qemu-");
    is_emulator.then(|| program.to_string_lossy().into_owned())
}

/// The resident bytes of the mappings that are the emulated program's. Only translated code is writable and executable
/// at once: what the emulated program may execute is mere data here. The format: `man 5 proc_pid_smaps`.
fn sum_guest_memory(smaps: &str, emulator: &str) -> u64 {
    let mut counts = true;
    let mut sum = 0;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if first == "Rss:" && counts {
            sum += read_bytes(&line["Rss:".len()..]);
        } else if !first.ends_with(':') {
            let rights = words.next().unwrap_or_default();
            counts = !(line.ends_with(emulator) || line.ends_with("[heap]") || rights.starts_with("rwx"));
        }
    }
    sum
}

/// Reads `  1234 kB`.
fn read_bytes(field: &str) -> u64 {
    let kilobytes = field.trim().strip_suffix("kB").and_then(|number| number.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_leaves_the_emulators_own_memory_out() {
        let mappings = [
            ("00200000-0028d000 r--p 00000000 fe:00 10881341     /state/lambda/code/a/bootstrap", 100),
            ("5500001000-5500801000 rw-p 00000000 00:00 0", 20),
            ("5555872e0000-55558745f000 rw-p 00000000 00:00 0     [heap]", 1000),
            ("7efd5a200000-7efd621ff000 rwxp 00000000 00:00 0", 4000),
            ("7efd62e28000-7efd632a7000 r-xp 00228000 fe:00 10199043     /usr/bin/qemu-aarch64-static", 5000),
            ("7fffcac74000-7fffcac95000 rw-p 00000000 00:00 0     [stack]", 3),
        ];
        let smaps =
            mappings.map(|(head, rss)| format!("{head}\nSize: 9999 kB\nRss:  {rss} kB\nVmFlags: rd ex mr\n"));
        assert_eq!(sum_guest_memory(&smaps.concat(), "/usr/bin/qemu-aarch64-static"), 123 * 1024);
    }

    #[test]
    fn peak_of_a_process_includes_memory_that_it_freed() {
        const FREED: usize = 64 * 1024 * 1024;
        let own = i32::try_from(std::process::id()).expect("Linux's ids fit");
        assert!(sum_resident(own) > 1024 * 1024);
        // Large enough for a mapping of its own, which goes back to the kernel at once.
        drop(std::hint::black_box(vec![1_u8; FREED]));
        assert!(measure_peak(own) > FREED as u64);
        assert_eq!(measure_peak(0), 0);
    }
}
