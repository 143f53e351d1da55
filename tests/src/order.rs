use std::sync::{Arc, Mutex};

use lockorder::Policy;

/// The violations of the order of locks in this process. They are noted, and whoever broke it goes on.
pub struct Violations(Arc<Mutex<Vec<String>>>);

impl Violations {
    /// Notes them from now on.
    pub fn noted() -> Self {
        let all = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&all);
        lockorder::set_policy(Policy::callback(move |violation| {
            noted.lock().expect("nobody panics with it").push(violation.to_string());
        }));
        Self(all)
    }

    /// Those since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics with it"))
    }
}
