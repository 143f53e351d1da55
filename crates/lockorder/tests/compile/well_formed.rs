use lockorder::Then;

lockorder::hierarchy! {
    pub Order (timeout: 3 s) {
        level 1 { A = "a", B = "b" [keyed] }
        level 7 { C = "c" }
    }
}

static LOCK: lockorder::Mutex<C, u32> = lockorder::Mutex::new(0);
static KEYED: lockorder::Mutex<B, u32> = lockorder::Mutex::keyed(7, 1);

fn main() {
    let a = lockorder::Mutex::<A, _>::new(1);
    let a = a.lock();
    let b = a.then(&KEYED).lock();
    let c = b.then(&LOCK).lock();
    assert_eq!(*a + *b + *c, 2);
}
