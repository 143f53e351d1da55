fn main() {
    let locks = [lockorder::learned::Mutex::new(1), lockorder::learned::Mutex::new(2)];
    let _guards = lockorder::lock_many([&*locks[0], &*locks[1]]);
}
