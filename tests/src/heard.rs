use tgsession::{Manager, Monitor, Monitoring, SessionId};
use tokio::sync::mpsc;

use crate::{eventually, soon};

/// A handler's story: the texts in the order in which it heard them.
pub struct Heard(mpsc::UnboundedReceiver<String>);

impl Heard {
    /// A monitor, and what it will hear.
    pub fn monitor() -> (Monitor, Self) {
        let (tell, heard) = mpsc::unbounded_channel();
        let monitor = Monitor::new(move |event| {
            let tell = tell.clone();
            async move {
                if let Some(message) = event.message() {
                    tell.send(message.text().to_owned())?;
                }
                Ok(())
            }
        });
        (monitor, Self(heard))
    }

    /// Starts a monitor on a session.
    pub async fn of(manager: &Manager, session: SessionId) -> (Monitoring, Self) {
        let (monitor, heard) = Self::monitor();
        let ticket = manager.submit(session, monitor).expect("it is connected");
        let monitoring = soon(ticket).await.done().expect("it starts");
        (monitoring, heard)
    }

    /// What it hears next.
    pub async fn next(&mut self) -> String {
        soon(self.0.recv()).await.expect("the handler is there")
    }

    /// The same on paused time, of which some passes before what was missed is recovered.
    pub async fn later(&mut self) -> String {
        eventually(self.0.recv()).await.expect("the handler is there")
    }

    /// Whether it has heard nothing more so far.
    pub fn is_silent(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}
