use lockorder::Then;

lockorder::hierarchy! { App { level 1 { Config = "config" } } }
lockorder::hierarchy! { Other { level 2 { Cache = "cache" } } }

fn main() {
    let config = lockorder::Mutex::<Config, _>::new(1);
    let cache = lockorder::Mutex::<Cache, _>::new(2);
    let config = config.lock();
    let _cache = config.then(&cache).lock();
}
