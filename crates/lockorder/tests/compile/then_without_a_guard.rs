use lockorder::Then;

lockorder::hierarchy! {
    App {
        level 1 { Config = "config" }
        level 2 { Cache = "cache" }
    }
}

fn main() {
    let config = lockorder::Mutex::<Config, _>::new(1);
    let cache = lockorder::Mutex::<Cache, _>::new(2);
    let _cache = config.then(&cache).lock();
}
