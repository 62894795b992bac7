//! Secrets typed at the keyboard: while somebody types, the terminal shows nothing. What can go wrong is reading standard input; a
//! terminal that cannot hide it still takes it.

use std::io;
#[cfg(unix)]
use std::io::Write as _;

/// A line of standard input that a terminal does not show.
pub fn line() -> io::Result<String> {
    let _hidden = Hidden::begin();
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// While it lives, the terminal does not show what is typed.
struct Hidden(#[cfg(unix)] Option<rustix::termios::Termios>);

impl Hidden {
    #[cfg(unix)]
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHO);
            // A terminal that will not hide it still takes it.
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &modes);
        }
        Self(before)
    }

    #[cfg(not(unix))]
    const fn begin() -> Self {
        Self()
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Flush, before);
            let _ = writeln!(io::stderr());
        }
    }
}
