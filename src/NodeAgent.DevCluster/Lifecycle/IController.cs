namespace NodeAgent.DevCluster.Lifecycle;

/// <summary>Brings one kind of objects closer to what they should be; called again after every change.</summary>
internal interface IController
{
    void Reconcile();
}
