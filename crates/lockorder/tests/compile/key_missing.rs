lockorder::hierarchy! {
    Order { level 1 { A = "a" [keyed] } }
}

fn main() {
    let _ = lockorder::Mutex::<A, _>::new(0);
}
