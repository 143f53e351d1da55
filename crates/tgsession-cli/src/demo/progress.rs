//! Progress bars, on a terminal only.

use std::io::IsTerminal;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) struct Progress(MultiProgress);

impl Progress {
    /// Bars on standard error; none if that is no terminal, or if machines read along.
    pub(super) fn new(json: bool) -> Self {
        let visible = !json && std::io::stderr().is_terminal();
        let target =
            if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self(MultiProgress::with_draw_target(target))
    }

    /// Takes the bars away: what they showed is in the report.
    pub(super) fn clear(&self) {
        // A terminal that cannot be written to has nothing to take away.
        let _ = self.0.clear();
    }

    pub(super) fn bar(&self, what: &'static str, len: usize) -> ProgressBar {
        let style =
            ProgressStyle::with_template("{msg:>18} {wide_bar} {pos:>5}/{len:<5} {elapsed:>4}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.0.add(ProgressBar::new(len as u64).with_style(style).with_message(what))
    }
}
