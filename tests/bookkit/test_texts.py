"""The texts are the ones the chapters describe."""

import collections

from bookkit.texts import load_news, words_of


def test_the_news_have_five_topics_and_no_headline_twice():
    news = load_news()
    assert len({story.headline for story in news}) == len(news) == 2096
    topics = collections.Counter(story.topic for story in news)
    assert sorted(topics) == ["business", "entertainment", "politics", "sports", "tech"]
    assert min(topics.values()) > 300
    assert all(len(story.paragraphs) > 1 for story in news)
    assert all(2 <= len(words_of(story.headline)) < 12 for story in news)
