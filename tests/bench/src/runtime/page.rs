//! The page of figures.

use std::fmt::Write as _;

use super::instructions::Instructions;
use super::{Figures, Form, REQUESTS, ROUNDS, STARTS, WITH_LOG};
use lzap_testkit::shell::{Failure, Result};

/// docs/benchmarks/runtime.md.
#[expect(clippy::cast_precision_loss, reason = "sizes for people")]
pub(super) fn page(forms: &[Form]) -> Result<String> {
    let measured = |form: &Form| form.best.ok_or_else(|| Failure::new("a form was not measured"));
    let ours = measured(forms.first().ok_or_else(|| Failure::new("no forms"))?)?;
    let zip = forms.first().and_then(|form| form.zip_bytes).unwrap_or(1) as f64;
    let mut text = format!(
        "# The runtime\n\n<!-- Written by `cargo xtask bench runtime`. -->\n\nThe same hello app under AWS's Runtime \
         Interface Emulator, in one run on one machine. The forms take turns; the best of {ROUNDS} rounds counts, of {STARTS} \
         starts and {REQUESTS} requests each. In brackets: the ratio to lzap's.\n\n\
         | | cold, first answer | warm request | memory | zip |\n|---|---:|---:|---:|---:|\n"
    );
    for form in forms {
        let Figures { cold, warm, resident_bytes } = measured(form)?;
        let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
        let ratio =
            |this: std::time::Duration, of: std::time::Duration| this.as_secs_f64() / of.as_secs_f64();
        let size = form.zip_bytes.map_or_else(String::new, |bytes| {
            format!("{:.2} MB ({:.1})", bytes as f64 / 1e6, bytes as f64 / zip)
        });
        let _ = writeln!(
            text,
            "| {} | {:.1} ms ({:.2}) | {:.2} ms ({:.2}) | {:.1} MB ({:.2}) | {size} |",
            form.name,
            ms(cold),
            ratio(cold, ours.cold),
            ms(warm),
            ratio(warm, ours.warm),
            resident_bytes as f64 / 1e6,
            resident_bytes as f64 / ours.resident_bytes as f64,
        );
    }
    text += &instructions_table(forms);
    text += "\n- **cold**: from the first event until its answer; the emulator starts the process with it.\n- **warm**: one of \
             many requests, one after the other. The emulator itself is most of it: the last row is a function that does \
             nothing. lzap writes a line to the log for each request, which the emulator passes on; the others write none.\n- **memory**: the most that was resident, most of \
             it pages of the program. The second row has no log at all, which is where it is smaller: with the log that \
             `lambda_http` brings, and that its template for new projects sets up, it is the third. Lambda gives 128 MB at \
             least.\n\n## How to repeat it\n\n```console\n$ cargo xtask bench \
             runtime\n```\n";
    Ok(text)
}

/// Instructions of each form, as ratios to `lambda_http` with its own log, which is what its template for new projects sets
/// up and what lzap's log is comparable to.
#[expect(clippy::cast_precision_loss, reason = "counts for people")]
fn instructions_table(forms: &[Form]) -> String {
    let counted = || forms.iter().filter_map(|form| Some((form.name, form.instructions?)));
    let Some((_, base)) = counted().find(|(name, _)| *name == WITH_LOG) else { return String::new() };
    let mut text = format!(
        "\nProcessor instructions, counted by callgrind; they repeat from run to run where times don't. In brackets: the ratio to \
         {WITH_LOG}.\n\n| | cold start, first answer | warm request |\n|---|---:|---:|\n"
    );
    for (name, Instructions { cold, warm }) in counted() {
        let _ = writeln!(
            text,
            "| {name} | {:.2} million ({:.3}) | {:.1} thousand ({:.3}) |",
            cold as f64 / 1e6,
            cold as f64 / base.cold as f64,
            warm as f64 / 1e3,
            warm as f64 / base.warm as f64,
        );
    }
    text
}
