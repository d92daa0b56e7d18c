using NodeAgent.Kubernetes.Yaml;

namespace NodeAgent.EndToEnd.Tests.Image;

/// <summary>The program in its image: a read-only root, the image's user or root with the rights that the DaemonSet gives, and nothing else.</summary>
public sealed class ImageProgramTests : IDisposable
{
    private readonly string work = Directory.CreateTempSubdirectory("nodeagent-image-").FullName;

    [Fact]
    public async Task It_says_its_version()
    {
        var (output, errors) = await ImageCommand.RunAsync([], "/nodeagent", "--version");
        Assert.Matches(@"^\d+\.\d+\.\d+\n$", output);
        Assert.Empty(errors);
    }

    [Fact]
    public async Task The_images_user_backs_up_restores_and_checks_on_a_read_only_root()
    {
        var (output, _) = await ImageCommand.RunAsync(Mounted("user"), "sh", "-ec", """
            test "$(id -u)" = 1654 && ! touch /app/x 2>/dev/null && grep -qE '^CapEff:\s0+$' /proc/self/status
            cd /mnt && mkdir tree tree/folder
            head -c 3000000 /dev/urandom >tree/random && head -c 3000000 /dev/zero >tree/folder/zeros && ln -s random tree/link
            /nodeagent repo init && /nodeagent snapshot create tree && /nodeagent snapshot restore latest --target out && /nodeagent repo check --read-data
            diff -r --no-dereference tree out && echo same
            """);
        Assert.EndsWith("no damage\nsame\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_with_the_rights_of_the_DaemonSet_brings_back_owners_modes_and_devices()
    {
        var agent = YamlJson.Parse(await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "daemonset", "agent", "daemonset.yaml"), TestContext.Current.CancellationToken))!
            ["spec"]!["template"]!["spec"]!["containers"]![0]!["securityContext"]!["capabilities"]!;
        Assert.Equal(["ALL"], agent["drop"]!.AsArray().Select(right => right!.GetValue<string>()));
        var rights = string.Join(',', agent["add"]!.AsArray().Select(right => right!.GetValue<string>()).Select(right => right.ToLowerInvariant()));
        var (output, _) = await ImageCommand.RunAsync([.. Mounted("root"), "--user", "0", "--capabilities", rights], "sh", "-ec", """
            cd /mnt && mkdir tree tree/closed
            echo secret >tree/closed/file && echo program >tree/set && mknod -m 600 tree/device c 1 3
            chown 12345:54321 tree/closed/file tree/set tree/device && chmod 4751 tree/set && chmod 600 tree/closed/file && chmod 0 tree/closed && chown 12345 tree/closed
            /nodeagent repo init && /nodeagent snapshot create tree && /nodeagent snapshot restore latest --target out && /nodeagent repo check --read-data
            list() { (cd "$1" && find . -mindepth 1 -printf '%p %y %U:%G %m\n' | sort); }
            list tree >before && list out >after && cat after && diff before after && cmp tree/closed/file out/closed/file && echo same
            """);
        Assert.EndsWith("no damage\n./closed d 12345:0 0\n./closed/file f 12345:54321 600\n./device c 12345:54321 600\n./set f 12345:54321 4751\nsame\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_program_loads_the_libraries_of_the_image()
    {
        await ImageCommand.RunAsync(Mounted("libraries"), "/nodeagent", "repo", "init");
        // The loader says what it begins to use; the repository is opened with Argon2, and its objects are compressed.
        var (_, errors) = await ImageCommand.RunAsync([.. Mounted("libraries"), "--env", "LD_DEBUG=files"], "dotnet", "/app/nodeagent.dll", "snapshot", "create", "/app", "--quiet");
        Assert.Matches(@"calling init: (/usr)?/lib/[a-z0-9_-]+/libzstd\.so\.1\n", errors);
        Assert.Matches(@"calling init: (/usr)?/lib/[a-z0-9_-]+/libargon2\.so\.1\n", errors);
    }

    public void Dispose() => Directory.Delete(work, recursive: true);

    private string[] Mounted(string name)
    {
        ImageArchive.PathOrSkip();
        // Like the volume of a pod: whoever the user is, the directory is writable.
        var folder = Directory.CreateDirectory(Path.Combine(work, name)).FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        return ["--mount", folder, "--env", "HOME=/tmp", "--env", "NODEAGENT_REPOSITORY=/mnt/repository", "--env", "NODEAGENT_PASSWORD=a passphrase of this test"];
    }
}
