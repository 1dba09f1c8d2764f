package io.calibrant.trainer.service;

import io.calibrant.trainer.digest.Digest;
import io.calibrant.trainer.digest.ModelDigest;
import io.calibrant.trainer.lora.Adapter;
import io.calibrant.trainer.model.ModelConfig;
import io.calibrant.trainer.model.ReplacedWeights;
import io.calibrant.trainer.prompts.PromptForm;
import io.calibrant.trainer.settings.OptimisationSettings;
import io.calibrant.trainer.settings.TrainerSettings;
import io.calibrant.trainer.statistics.RunDescription;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a run is, for its record: everything that decides what it trains and sends. Shards of one run, and a process
 * that resumes it, describe it the same.
 */
final class RunDescriptions {
    private RunDescriptions() {}

    /** @param adapter the weights that the run starts from */
    static RunDescription describe(TrainerSettings settings, Adapter adapter, TrainingSet set) {
        Map<String, String> record = new TreeMap<>();
        record.put("steps", Integer.toString(settings.optimisation().steps()));
        record.put("batchSize", Integer.toString(settings.optimisation().batchSize()));
        record.put("learningRate", Double.toString(settings.optimisation().learningRate()));
        record.put("weightDecay", Double.toString(OptimisationSettings.WEIGHT_DECAY));
        record.put("optimizer", "AdamW");
        record.put("schedule", "linear");
        record.put("questionsDigest", set.digest());
        Digest of = new Digest();
        adapter.addTo(of);
        record.put("adapterDigest", of.hex());
        record.put("statisticsEvery", Integer.toString(settings.streaming().every()));
        record.put(
                "halfLife",
                settings.streaming().halfLife().isEmpty()
                        ? "none"
                        : Double.toString(settings.streaming().halfLife().getAsDouble()));
        record.put("batchesPerRecord", Integer.toString(settings.streaming().batchesPerRecord()));
        record.put("statisticsType", settings.streaming().rowType().name());
        record.put("checkpointEvery", Integer.toString(settings.curvature().checkpointEvery()));
        record.put("validationQuestions", Integer.toString(set.validation().size()));
        record.put(PromptForm.NAMES_END, Boolean.toString(set.namesEnd()));
        record.putAll(settings.base().settings());
        ReplacedWeights replaced = adapter.saved().weights();
        if (!replaced.isEmpty()) {
            record.put(ReplacedWeights.SETTING, replaced.names());
        }
        ModelConfig config = ModelConfig.read(settings.model());
        RunDescription described = new RunDescription(
                settings.run(),
                String.valueOf(settings.model().toAbsolutePath().normalize().getFileName()),
                ModelDigest.of(settings.model(), set.tokenizerChanges() + replaced.changes()),
                adapter,
                set.classTokens(),
                set.form(),
                settings.questions().maxLength(),
                settings.curvature().kfac(),
                settings.curvature().fisher(),
                settings.curvature().rank().orElse(null),
                set.prompts().size(),
                settings.seed(),
                record,
                set.texts(),
                0);
        return described.withInputs(config.layers(), config.width());
    }
}
