//! What is only there while a terminal watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// Whether a person watches the log and progress.
pub(crate) fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// A bar on stderr that counts to `total` (0: not known); invisible when no terminal watches.
pub(crate) fn bar(total: u64, unit: &str) -> ProgressBar {
    let template = match total {
        0 => format!("{{spinner}} {{msg}} {{human_pos}} {unit} {{per_sec}}"),
        _ => format!("{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit} {{per_sec}} {{eta}}"),
    };
    let target =
        if is_watched() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = if total == 0 { ProgressBar::no_length() } else { ProgressBar::new(total) };
    bar.set_draw_target(target);
    // The template is a constant of this file; without it the bar is only plainer.
    match ProgressStyle::with_template(&template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
