package io.calibrant.infra.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.calibrant.infra.documents.Page;
import io.calibrant.schemas.TopicContract;
import io.calibrant.schemas.TopicDefinition;
import io.calibrant.schemas.Topics;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** Every command in a shell block of a page is one that the command line accepts. Nothing is run. */
class PageCommandsTest {
    private static final String LAUNCHER = "./infra/calibrant ";

    @Test
    void shouldTakeEveryCommandOfThePages() {
        List<String> refused = new ArrayList<>();
        int commands = 0;
        for (Page page : Page.all()) {
            for (String block : page.blocks("sh")) {
                for (String line : block.replace("\\\n", " ").split("\n", -1)) {
                    if (line.startsWith(LAUNCHER)) {
                        commands++;
                        check(page, line, refused);
                    }
                }
            }
        }
        assertThat(refused).isEmpty();
        assertThat(commands).as("commands found").isGreaterThan(40);
    }

    @Test
    void shouldSayInTheSecurityPageWhoListensAndHowFar() {
        String page = String.join("\n", Page.read(".github/SECURITY.md").lines());
        new CommandLine(Calibrant.class).getSubcommands().forEach((name, command) -> {
            command.getCommandSpec().options().forEach(option -> {
                String flag = option.longestName();
                if (flag.matches("--(.+-)?hosts?")) {
                    assertThat(page).as(name).contains("`" + flag + "`");
                } else if (flag.matches("--(.+-)?port")) {
                    assertThat(page).as(flag).contains("`" + name + "`");
                }
            });
        });
    }

    @Test
    void shouldSayInTheSecurityPageWhichReleaseGetsFixes() {
        assertThat(Page.read(".github/SECURITY.md").prose())
                .anyMatch(line -> line.contains("newest release") && line.contains(Page.projectVersion()));
    }

    @Test
    void shouldKnowTheCommandsThatWriteAndReadTopics() {
        Set<String> commands = new CommandLine(Calibrant.class).getSubcommands().keySet();
        for (TopicDefinition definition : new Topics("").definitions()) {
            TopicContract contract = definition.contract();
            assertThat(Stream.concat(contract.writers().stream(), contract.readers().stream()))
                    .as(definition.name())
                    .allMatch(who -> who.equals("you") || commands.contains(who.replaceFirst(" --.*", "")));
        }
    }

    private static void check(Page page, String line, List<String> refused) {
        String command = line.substring(LAUNCHER.length()).replaceFirst("( +#.*| *&| *>.*)+$", "");
        try {
            new CommandLine(Calibrant.class)
                    .setCaseInsensitiveEnumValuesAllowed(true)
                    .parseArgs(command.split(" +", -1));
        } catch (ParameterException e) {
            refused.add(page + ": " + line + ": " + e.getMessage());
        }
    }
}
