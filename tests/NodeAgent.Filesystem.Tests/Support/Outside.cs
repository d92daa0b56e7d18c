namespace NodeAgent.Filesystem.Tests.Support;

/// <summary>A directory beside the target with something to lose. Nothing a restore does may change it.</summary>
internal sealed class Outside
{
    private readonly TestBackup _test;
    private readonly string _before;

    public Outside(TestBackup test)
    {
        _test = test;
        System.IO.Directory.CreateDirectory(test.Target);
        Directory = System.IO.Directory.CreateDirectory(System.IO.Path.Combine(test.Root, "outside")).FullName;
        Victim = System.IO.Path.Combine(Directory, "victim");
        File.WriteAllText(Victim, "untouched");
        System.IO.Directory.CreateDirectory(System.IO.Path.Combine(Directory, "inner"));
        TestBackup.Run("chmod", "600", Victim);
        _before = Describe();
    }

    public string Directory { get; }

    public string Victim { get; }

    /// <summary>Everything beside source, target and repository is as it was, times of change included.</summary>
    public void ExpectUntouched() => Assert.Equal(_before, Describe());

    private string Describe() => TestBackup.Run(
        "sh",
        "-c",
        "cd \"$1\" && find . \\( -path ./target -o -path ./repository -o -path ./source \\) -prune -o -printf '%P %y %m %U %G %n %s %T@ %C@\\n' | sort; cat \"$2\"; ls -a \"$1\"",
        "sh",
        _test.Root,
        Victim);
}
