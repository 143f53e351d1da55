lockorder::hierarchy! {
    Order {
        level 1 { A = "a" }
        level 1 { B = "b" }
    }
}

fn main() {}
