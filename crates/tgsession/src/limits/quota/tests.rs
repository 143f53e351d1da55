use super::*;

/// Of a day that began so long ago.
fn clock(ago: Duration) -> Clock {
    Clock::new(Clock::new(Duration::ZERO).now() - ago)
}

fn quotas(used: Used) -> Arc<Quotas> {
    Arc::new(Quotas::new([Some(500), Some(2), Some(1)], used, clock(DAY / 2), Box::new(|_| {})))
}

/// Reserves, and uses all of it.
fn read(quotas: &Arc<Quotas>, wanted: u32) -> Result<u32, QuotaExceeded> {
    let mut reserved = quotas.reserve_posts(wanted)?;
    let n = reserved.left();
    reserved.spend(n);
    Ok(n)
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_given_and_then_nothing_until_the_next_day() {
    let quotas = quotas(Used::default());
    assert_eq!(read(&quotas, 450), Ok(450));
    let mut half = quotas.reserve_posts(100).unwrap();
    assert_eq!(half.left(), 50);
    half.spend(20);
    let exceeded = quotas.reserve_posts(100).unwrap_err();
    assert_eq!((exceeded.quota, exceeded.limit), (Quota::PostsRead, 500));
    assert!(exceeded.renewed_in <= DAY, "{exceeded}");
    drop(half);
    assert_eq!(read(&quotas, 100), Ok(30));
    tokio::time::advance(exceeded.renewed_in + Duration::from_secs(1)).await;
    assert_eq!(read(&quotas, 100), Ok(100));
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_a_day_late_is_not_of_that_day() {
    let quotas = quotas(Used::default());
    let late = quotas.reserve_posts(500).unwrap();
    tokio::time::advance(DAY).await;
    assert_eq!(read(&quotas, 400), Ok(400));
    drop(late);
    assert_eq!(read(&quotas, 400), Ok(100));
}

#[tokio::test(start_paused = true)]
async fn a_chat_counts_once_a_day() {
    let quotas = quotas(Used::default());
    for (chat, is_new) in [(7, true), (8, true), (7, false), (8, false)] {
        assert_eq!(quotas.reserve_chat(chat), Ok(is_new));
    }
    assert_eq!(quotas.reserve_chat(9).unwrap_err().limit, 2);
    quotas.release_chat(7);
    assert_eq!(quotas.reserve_chat(9), Ok(true));
    // What was read from counts, whoever gives it back.
    quotas.read_chat(8);
    quotas.release_chat(8);
    assert_eq!(quotas.reserve_chat(7).unwrap_err().limit, 2);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_used_counts_whatever_its_clock_said() {
    let before = quotas(Used::default());
    before.reserve_send().unwrap().spend(1);
    let mut used = before.used();
    used.day += 300;
    let after = quotas(used);
    let exceeded = after.reserve_send().unwrap_err();
    assert_eq!(exceeded.quota, Quota::Sends);
    tokio::time::advance(DAY).await;
    assert!(after.reserve_send().is_ok(), "and it is renewed with the next day");
}

#[test]
fn the_rest_of_the_day_is_told_as_people_tell_it() {
    let told = [0, 1, 60, 3599, 3600, 20_742].map(|secs| in_words(Duration::from_secs(secs)));
    assert_eq!(told, ["0 min", "1 min", "1 min", "1 h 0 min", "1 h 0 min", "5 h 46 min"]);
}

#[tokio::test(start_paused = true)]
async fn that_a_quota_is_used_up_is_told_once_a_day() {
    let told = Arc::<AtomicU64>::default();
    let counts = Arc::clone(&told);
    let tell: Tell = Box::new(move |notice| match notice {
        Notice::UsedUp(exceeded) => {
            assert_eq!((exceeded.quota, exceeded.limit), (Quota::Sends, 1));
            counts.fetch_add(1, Ordering::Relaxed);
        }
        Notice::GivenBack => {}
    });
    let limits = [None, None, Some(1)];
    let quotas = Arc::new(Quotas::new(limits, Used::default(), clock(DAY / 2), tell));
    for day in 1..=2 {
        quotas.reserve_send().unwrap().spend(1);
        for _ in 0..3 {
            quotas.reserve_send().unwrap_err();
            assert_eq!(told.load(Ordering::Relaxed), day);
        }
        tokio::time::advance(DAY).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_begins_when_its_owner_says() {
    for (ago, renewed_in) in [(90, 86_310.0), (86_310, 90.0), (7 * 86_400 - 90, 90.0)] {
        let clock = clock(Duration::from_secs(ago));
        let quotas = Quotas::new([Some(0); 3], Used::default(), clock, Box::new(|_| {}));
        let rest = quotas.reserve_chat(7).unwrap_err().renewed_in.as_secs_f64();
        assert!((rest - renewed_in).abs() < 5.0, "{rest} {renewed_in}");
    }
}

#[test]
fn no_limit_is_no_limit() {
    let mut used = u32::MAX - 1;
    assert_eq!((take(&mut used, 9, None), used), (Some(9), u32::MAX));
}
