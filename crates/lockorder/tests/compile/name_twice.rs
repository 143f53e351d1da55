lockorder::hierarchy! {
    Order {
        level 1 { A = "same" }
        level 2 { B = "same" }
    }
}

fn main() {}
