package io.calibrant.infra.live;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class QuestionPlacesTest {
    private final QuestionPlaces places = new QuestionPlaces();

    @Test
    void shouldFindTheQuestionOfTheRunBeforeOneOfEveryRun() {
        places.put("q1", 0, 3);
        places.put("r1/q1", 1, 7);
        assertThat(places.find("r1", "q1")).contains(new QuestionPlaces.Place(1, 7));
        assertThat(places.find("r2", "q1")).contains(new QuestionPlaces.Place(0, 3));
        assertThat(places.find("r2", "q2")).isEmpty();
        places.put("q1", 0, 9);
        assertThat(places.find("r2", "q1")).contains(new QuestionPlaces.Place(0, 9));
    }

    @Test
    void shouldKeepTheNewestAndNoMore() {
        places.put("again", 0, 0);
        places.put("old", 0, 1);
        for (int i = 0; i < QuestionPlaces.KEPT - 2; i++) {
            places.put("q" + i, 0, i);
        }
        places.put("again", 0, 5);
        places.put("new", 0, 6);
        assertThat(places.size()).isEqualTo(QuestionPlaces.KEPT);
        assertThat(places.find("r", "old")).isEmpty();
        assertThat(places.find("r", "again")).contains(new QuestionPlaces.Place(0, 5));
    }
}
