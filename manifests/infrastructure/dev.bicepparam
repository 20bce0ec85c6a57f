// Small and cheap: for trying, with recordings of people who know that it is a trial.
using 'main.bicep'

// Yours: cluster-up refuses to run while a 00000000 or a 192.0.2. stands here.
param operatorRanges = ['192.0.2.0/24']
param administrators = ['00000000-0000-0000-0000-000000000000']
param privacyOfficers = ['00000000-0000-0000-0000-000000000000']

param name = 'rollcall-dev'
param kubernetesVersion = '1.35'
param tier = 'Free'
param nodePools = {
  system: {
    size: 'Standard_D2ads_v5'
    minimum: 1
    maximum: 2
    diskGiB: 64
  }
  regular: {
    size: 'Standard_D4ads_v5'
    minimum: 1
    maximum: 2
    diskGiB: 128
  }
  spot: {
    size: 'Standard_E4ads_v5'
    minimum: 0
    maximum: 5
    diskGiB: 128
  }
}
param storageRedundancy = 'Standard_LRS'

// How long things are kept: docs/privacy.md.
param enrolmentDays = 90
param versionDays = 7
param recoverableDays = 7
param vaultRecoverableDays = 7
param logDays = 30
