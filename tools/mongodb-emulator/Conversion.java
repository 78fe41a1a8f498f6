import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BiFunction;
import org.h2.mvstore.MVMap;
import org.h2.mvstore.MVStore;

/** Takes over the file of version 0.2.0, whose keys and documents are in Java's serialization. */
class Conversion {
    private static final String OLD_NAME = "data.mv";

    /** A death in between loses nothing: the old file goes last, and as long as it is there all is taken over anew. */
    static MVStore open(Path file, BiFunction<MVStore, String, MVMap<Object, Object>> openMap) throws IOException {
        Path old = file.resolveSibling(OLD_NAME);
        if (Files.notExists(old)) return open(file);
        Files.deleteIfExists(file);
        MVStore store = open(file);
        MVStore from = new MVStore.Builder().fileName(old.toString()).readOnly().open();
        for (String name : from.getMapNames()) {
            MVMap<Object, Object> map = openMap.apply(store, name);
            from.openMap(name).forEach(map::put);
        }
        from.close();
        store.commit();
        store.sync();
        Files.delete(old);
        return store;
    }

    private static MVStore open(Path file) {
        // The store's own background thread would commit and compact in the middle of a write.
        return new MVStore.Builder().fileName(file.toString()).autoCommitDisabled().open();
    }
}
