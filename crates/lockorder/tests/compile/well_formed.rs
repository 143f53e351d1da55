lockorder::hierarchy! {
    pub Order (timeout: 3 s) {
        level 1 { A = "a", B = "b" [keyed] }
        level 7 { C = "c" }
    }
}

static LOCK: lockorder::Mutex<C, u32> = lockorder::Mutex::new(0);

fn main() {
    *LOCK.lock() += 1;
    let _ = (lockorder::Mutex::<A, _>::new(1), lockorder::Mutex::<B, _>::keyed(7, 1));
}
