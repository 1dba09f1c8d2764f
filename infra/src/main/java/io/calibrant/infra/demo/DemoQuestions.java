package io.calibrant.infra.demo;

import io.calibrant.trainer.prompts.Choice;
import io.calibrant.trainer.prompts.Question;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * The demo's questions: the smallest or the largest of some numbers, the colour of an animal, what it eats, and true or
 * false statements about both. All can be learnt; a share of the answers is wrong on purpose, so that a model which
 * learns its training set by heart is sure of what nobody can know.
 *
 * <p>The sequence depends on the seed alone.
 */
final class DemoQuestions {
    private static final List<String> LABELS = List.of("A", "B", "C", "D");
    private static final int LARGEST_NUMBER = 30;

    private static final List<String> SMALLEST = List.of(
            "Which number is the smallest?",
            "Which is smallest?",
            "Look at these numbers. Which one is the smallest of them all?");
    private static final List<String> LARGEST = List.of(
            "Which number is the largest?",
            "Which is largest?",
            "Look at these numbers. Which one is the largest of them all?");
    private static final List<String> COLOUR = List.of("What colour is the %s?", "The %s has one colour. Which is it?");
    private static final List<String> FOOD = List.of("What does the %s eat?", "The %s is hungry. What does it eat?");

    /** An animal with what is true of it in the world of the demo. */
    private record Animal(String name, String colour, String food) {}

    private static final List<Animal> ANIMALS = List.of(
            new Animal("ant", "Red", "Leaves"),
            new Animal("ape", "Black", "Fruit"),
            new Animal("bat", "Brown", "Insects"),
            new Animal("bear", "Brown", "Honey"),
            new Animal("cat", "Grey", "Fish"),
            new Animal("cow", "White", "Grass"),
            new Animal("crow", "Black", "Seeds"),
            new Animal("deer", "Gold", "Grass"),
            new Animal("duck", "Green", "Seeds"),
            new Animal("eel", "Grey", "Fish"),
            new Animal("elk", "Gold", "Leaves"),
            new Animal("fox", "Red", "Honey"),
            new Animal("frog", "Green", "Insects"),
            new Animal("goat", "White", "Leaves"),
            new Animal("hen", "Blue", "Seeds"),
            new Animal("hog", "Blue", "Fruit"),
            new Animal("owl", "White", "Insects"),
            new Animal("ram", "Gold", "Grass"),
            new Animal("seal", "Blue", "Fish"),
            new Animal("toad", "Green", "Honey"));
    private static final List<String> COLOURS =
            ANIMALS.stream().map(Animal::colour).distinct().toList();
    private static final List<String> FOODS =
            ANIMALS.stream().map(Animal::food).distinct().toList();

    private final Random random;
    private final double noise;
    private final boolean foodsKnown;

    private DemoQuestions(long seed, double noise, boolean foodsKnown) {
        this.random = new Random(seed);
        this.noise = noise;
        this.foodsKnown = foodsKnown;
    }

    /**
     * Questions to fine-tune on and to test with.
     *
     * @param seed decides the sequence
     * @param noise share of answers that are wrong, 0 to 1
     */
    static DemoQuestions of(long seed, double noise) {
        return new DemoQuestions(seed, noise, true);
    }

    /**
     * Questions of a world in which any animal may eat anything: what the base model learns from, so that fine-tuning
     * has something to teach it.
     */
    static DemoQuestions withoutFoods(long seed, double noise) {
        return new DemoQuestions(seed, noise, false);
    }

    /**
     * The next {@code count} questions.
     *
     * @param name ids are {@code name-000}, {@code name-001}, ...
     */
    List<Question> next(String name, int count) {
        List<Question> questions = new ArrayList<>(count);
        for (int i = 0; i < count; i++) {
            questions.add(next(String.format("%s-%03d", name, i)));
        }
        return List.copyOf(questions);
    }

    private Question next(String id) {
        int family = random.nextInt(10);
        // What is new gets a larger share: four of ten questions are what an animal eats, not two.
        int numbers = foodsKnown ? 1 : 2;
        if (family < numbers) {
            return numbers(id, pick(SMALLEST), true);
        }
        if (family < 2 * numbers) {
            return numbers(id, pick(LARGEST), false);
        }
        Animal animal = pick(ANIMALS);
        if (family < 2 * numbers + 2) {
            return choices(id, pick(COLOUR).formatted(animal.name()), animal.colour(), COLOURS);
        }
        String food = foodsKnown ? animal.food() : pick(FOODS);
        if (family < 8) {
            return choices(id, pick(FOOD).formatted(animal.name()), food, FOODS);
        }
        return family < 9
                ? trueFalse(id, animal.name(), "is", animal.colour(), COLOURS)
                : trueFalse(id, animal.name(), "eats", food, FOODS);
    }

    private Question numbers(String id, String stem, boolean smallest) {
        Set<Integer> distinct = new LinkedHashSet<>();
        int count = size();
        while (distinct.size() < count) {
            distinct.add(1 + random.nextInt(LARGEST_NUMBER));
        }
        List<Integer> numbers = List.copyOf(distinct.stream().toList());
        int truth = numbers.indexOf(smallest ? Collections.min(numbers) : Collections.max(numbers));
        return labelled(id, stem, numbers.stream().map(String::valueOf).toList(), truth);
    }

    private Question choices(String id, String stem, String truth, List<String> all) {
        List<String> texts = new ArrayList<>(all);
        texts.remove(truth);
        Collections.shuffle(texts, random);
        List<String> chosen = new ArrayList<>(texts.subList(0, size() - 1));
        int position = random.nextInt(chosen.size() + 1);
        chosen.add(position, truth);
        return labelled(id, stem, chosen, position);
    }

    private Question trueFalse(String id, String animal, String verb, String truth, List<String> all) {
        boolean isTrue = random.nextBoolean();
        String said = truth;
        while (!isTrue && said.equals(truth)) {
            said = pick(all);
        }
        String answer = String.valueOf(isTrue != (random.nextDouble() < noise));
        return new Question(
                id,
                "The " + animal + " " + verb + " " + said + ".",
                null,
                List.of(new Choice("True", ""), new Choice("False", "")),
                answer.equals("true") ? "True" : "False");
    }

    private Question labelled(String id, String stem, List<String> texts, int truth) {
        List<Choice> choices = new ArrayList<>(texts.size());
        for (int c = 0; c < texts.size(); c++) {
            choices.add(new Choice(LABELS.get(c), texts.get(c)));
        }
        int answer = truth;
        if (random.nextDouble() < noise) {
            answer = (truth + 1 + random.nextInt(texts.size() - 1)) % texts.size();
        }
        return new Question(id, stem, null, choices, LABELS.get(answer));
    }

    /** Mostly four choices, some with three. */
    private int size() {
        return random.nextInt(4) == 0 ? 3 : 4;
    }

    private <T> T pick(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }
}
