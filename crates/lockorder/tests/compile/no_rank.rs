fn main() {
    let _ = lockorder::Mutex::new(0);
}
