/*
 * Runs a program in a class loader of its own, and once more for each line on standard input: as a
 * server of applications does, where each has its own Kotlin.
 */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;

public class Loaders {
    public static void main(String[] arguments) throws Exception {
        String[] paths = arguments[1].split(":");
        URL[] urls = new URL[paths.length];
        for (int i = 0; i < paths.length; i++)
            urls[i] = Path.of(paths[i]).toUri().toURL();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        do {
            ClassLoader loader = new URLClassLoader(urls, ClassLoader.getPlatformClassLoader());
            Class<?> program = Class.forName(arguments[0], true, loader);
            Method main = program.getMethod("main", String[].class);
            new Thread(() -> {
                try {
                    main.invoke(null, (Object) new String[0]);
                } catch (ReflectiveOperationException e) {
                    e.printStackTrace();
                }
            }).start();
        } while (lines.readLine() != null);
    }
}
