//! What Telegram tells twice is heard once.

use crate::scene::{Scene, world};

#[tokio::test(start_paused = true)]
async fn a_post_that_comes_at_once_and_again_in_the_difference_is_heard_once() {
    let mut scene = Scene::new(world()).await;
    scene.post(&["before"]);
    scene.hears(&["before"], false).await;
    let telegram = &scene.telegram;
    let (room, friend) = (telegram.channel("room").unwrap(), telegram.user("friend").unwrap());
    assert_eq!(telegram.push_post_too_long(room, friend, "twice"), Some(1));
    scene.hears(&["twice"], false).await;
    scene.post(&["after"]);
    scene.hears(&["after"], false).await;
    scene.ends().await;
}
