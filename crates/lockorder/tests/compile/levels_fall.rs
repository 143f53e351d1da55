lockorder::hierarchy! {
    Order {
        level 2 { A = "a" }
        level 1 { B = "b" }
    }
}

fn main() {}
